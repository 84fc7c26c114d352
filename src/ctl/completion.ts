/**
 * completion - what a shell needs to complete dracctl's commands, options and their values, made from the program itself
 *
 * Files are offered where one is meant; where nothing can be known (addresses, reasons) nothing is offered.
 */
import type { Argument, Command, Option } from 'commander';
import type { Shell } from './shells.js';

/** What may stand somewhere: one of some words, a file, or anything. */
type Values = readonly string[] | 'file' | 'any';

interface Choice {
  readonly long: string;
  readonly description: string;
  /** Undefined: it takes none. */
  readonly values: Values | undefined;
}

interface Words {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly description: string;
  readonly options: readonly Choice[];
  /** What its first argument may be. */
  readonly argument: Values | undefined;
}

interface Grammar {
  readonly commands: readonly Words[];
  readonly options: readonly Choice[];
  /** All options that take a value, of any command. */
  readonly valued: readonly Choice[];
}

function valuesOf({ argChoices }: Pick<Option | Argument, 'argChoices'>, name: string): Values {
  if (argChoices !== undefined) return argChoices;
  return name.includes('FILE') ? 'file' : 'any';
}

function choicesOf(command: Command): Choice[] {
  return command.options.flatMap((option) => {
    const { long, hidden, flags, description, required } = option;
    if (hidden || typeof long !== 'string') return [];
    return [{ long, description, values: required ? valuesOf(option, flags) : undefined }];
  });
}

function grammarOf(program: Command): Grammar {
  const options = [...choicesOf(program), { long: '--help', description: 'help', values: undefined }];
  const commands = program.commands.map((command) => {
    const [argument] = command.registeredArguments;
    return {
      name: command.name(),
      aliases: command.aliases(),
      description: command.description(),
      options: choicesOf(command),
      argument: argument && valuesOf(argument, argument.name()),
    };
  });
  const help = {
    name: 'help',
    aliases: [],
    description: 'what a command does and takes',
    options: [],
    argument: commands.map(({ name }) => name),
  };
  const all = [...options, ...commands.flatMap((command) => command.options)];
  const valued = all.filter(
    ({ long, values }, i) => values !== undefined && all.findIndex((one) => one.long === long) === i,
  );
  return { commands: [...commands, help], options, valued };
}

const longs = (choices: readonly Choice[]): string[] => choices.map(({ long }) => long);
const isList = (values: Values | undefined): values is readonly string[] => Array.isArray(values);

function bash({ commands, options, valued }: Grammar): string {
  const offered = commands.map(({ name, aliases, options: own, argument }) => {
    const words = [...(isList(argument) ? argument : []), ...longs(own), ...longs(options)].join(' ');
    return `    ${[name, ...aliases].join('|')}) words="${words}"${argument === 'file' ? ' files=yes' : ''} ;;`;
  });
  const values = valued.map(({ long, values: offers }) => {
    if (isList(offers)) return `    ${long}) words="${offers.join(' ')}" ;;`;
    return `    ${long}) ${offers === 'file' ? 'files=yes' : ':'} ;;`;
  });
  return `# dracctl completion for bash: dracctl completion bash > /etc/bash_completion.d/dracctl
_dracctl() {
  local word command= skip= words= files=
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  # Bash cuts words at = and :
  if [[ $current == = ]]; then current=; elif [[ $previous == = ]]; then previous=\${COMP_WORDS[COMP_CWORD-2]}; fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ $word == [:=] ]]; then skip=yes; continue; fi
    if [[ $skip ]]; then skip=; continue; fi
    case $word in
      ${longs(valued).join('|')}) skip=yes ;;
      -*) ;;
      *) command=$word; break ;;
    esac
  done
  case $previous in
${values.join('\n')}
    *) case $command in
${offered.join('\n')}
    "") words="${[...commands.map(({ name }) => name), ...longs(options)].join(' ')}" ;;
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ $files ]]; then compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$current")); fi
}
complete -F _dracctl dracctl
`;
}

/** In single quotes, without what _arguments would take for its own. */
const zshText = (text: string): string => text.replaceAll(/['[\]:\\]/g, '');

function zshValues(values: Values): string {
  if (isList(values)) return `(${values.join(' ')})`;
  // Not a blank, whose message keeps zsh from writing an option into the line where this may stand, too.
  return values === 'file' ? '_files' : '()';
}

function zsh({ commands, options }: Grammar): string {
  const spec = ({ long, description, values }: Choice): string =>
    `'${long}[${zshText(description)}]${values === undefined ? '' : `:value:${zshValues(values)}`}'`;
  const names = commands.map(({ name, description }) => `    '${name}:${zshText(description)}'`);
  const cases = commands.map(({ name, aliases, options: own, argument }) => {
    const first = argument === undefined ? [] : [`'1:argument:${zshValues(argument)}'`];
    return `    ${[name, ...aliases].join('|')}) _arguments ${[...own.map(spec), ...options.map(spec), ...first].join(' ')} ;;`;
  });
  return `#compdef dracctl
# dracctl completion for zsh: dracctl completion zsh > "\${fpath[1]}/_dracctl"
_dracctl() {
  local curcontext=$curcontext state line
  local -a commands
  typeset -A opt_args
  commands=(
${names.join('\n')}
  )
  _arguments -C ${options.map(spec).join(' ')} '1:command:->command' '*::argument:->argument'
  case $state in
  command) _describe command commands ;;
  argument) case $line[1] in
${cases.join('\n')}
    esac ;;
  esac
}
if [[ $funcstack[1] == _dracctl ]]; then _dracctl "$@"; else compdef _dracctl dracctl; fi
`;
}

const fishText = (text: string): string => `'${text.replaceAll(/['\\]/g, '')}'`;

function fish({ commands, options, valued }: Grammar): string {
  const complete = ({ long, description, values }: Choice, when = ''): string => {
    const offers = isList(values) ? ` -x -a '${values.join(' ')}'` : values === 'file' ? ' -r -F' : ' -x';
    return `complete -c dracctl${when} -l ${long.slice(2)}${values === undefined ? '' : offers} -d ${fishText(description)}`;
  };
  const lines = commands.flatMap(({ name, aliases, description, options: own, argument }) => {
    const when = ` -n '__dracctl_is ${[name, ...aliases].join(' ')}'`;
    const words = isList(argument) ? [`complete -c dracctl${when} -a '${argument.join(' ')}'`] : [];
    return [
      `complete -c dracctl -n 'not __dracctl_command >/dev/null' -a ${name} -d ${fishText(description)}`,
      ...own.map((choice) => complete(choice, when)),
      ...(argument === 'file' ? [`complete -c dracctl${when} -F`] : words),
    ];
  });
  return `# dracctl completion for fish: dracctl completion fish > ~/.config/fish/completions/dracctl.fish
function __dracctl_command
    set -l skip no
    for word in (commandline -opc)[2..-1]
        if test $skip = yes
            set skip no
            continue
        end
        switch $word
            case ${longs(valued).join(' ')}
                set skip yes
            case '-*'
            case '*'
                echo $word
                return 0
        end
    end
    return 1
end
function __dracctl_is
    set -l command (__dracctl_command)
    and contains -- $command $argv
end
complete -c dracctl -f
${[...options.map((choice) => complete(choice)), ...lines].join('\n')}
`;
}

const writers = { bash, zsh, fish } as const satisfies Record<Shell, unknown>;

export function completion(program: Command, shell: Shell): string {
  return writers[shell](grammarOf(program));
}
