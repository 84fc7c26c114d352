/** completion - what a shell needs to complete dracctl's commands and options, made from the program itself */
import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

interface Words {
  readonly name: string;
  readonly description: string;
  readonly options: readonly string[];
}

function wordsOf(program: Command): { commands: Words[]; options: string[] } {
  const longs = (command: Command): string[] =>
    command.options.flatMap(({ long, hidden }) => (hidden || typeof long !== 'string' ? [] : [long]));
  const commands = program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: longs(command),
  }));
  return { commands, options: longs(program) };
}

function bash({ commands, options }: ReturnType<typeof wordsOf>): string {
  const cases = commands.map(
    ({ name, options: own }) => `    ${name}) words="${[...own, ...options].join(' ')}" ;;`,
  );
  return `# dracctl completion for bash: dracctl completion bash > /etc/bash_completion.d/dracctl
_dracctl() {
  local word command= words
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) ;; *) command=$word; break ;; esac
  done
  case $command in
${cases.join('\n')}
    *) words="${[...commands.map(({ name }) => name), ...options].join(' ')}" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _dracctl dracctl
`;
}

function zsh({ commands, options }: ReturnType<typeof wordsOf>): string {
  const names = commands.map(({ name, description }) => `    '${name}:${description.replaceAll("'", '')}'`);
  const cases = commands.map(
    ({ name, options: own }) => `    ${name}) compadd -- ${[...own, ...options].join(' ')} ;;`,
  );
  return `#compdef dracctl
# dracctl completion for zsh: dracctl completion zsh > "\${fpath[1]}/_dracctl"
_dracctl() {
  local -a commands
  commands=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    compadd -- ${options.join(' ')}
    return
  fi
  case $words[2] in
${cases.join('\n')}
  esac
}
_dracctl "$@"
`;
}

function fish({ commands, options }: ReturnType<typeof wordsOf>): string {
  const plain = (text: string): string => text.replaceAll("'", '');
  const lines = commands.flatMap(({ name, description, options: own }) => [
    `complete -c dracctl -n __fish_use_subcommand -a ${name} -d '${plain(description)}'`,
    ...own.map(
      (option) => `complete -c dracctl -n '__fish_seen_subcommand_from ${name}' -l ${option.slice(2)}`,
    ),
  ]);
  const global = options.map((option) => `complete -c dracctl -l ${option.slice(2)}`);
  return `# dracctl completion for fish: dracctl completion fish > ~/.config/fish/completions/dracctl.fish
complete -c dracctl -f
${[...global, ...lines].join('\n')}
`;
}

const writers = { bash, zsh, fish } as const satisfies Record<Shell, unknown>;

export function completion(program: Command, shell: Shell): string {
  return writers[shell](wordsOf(program));
}
