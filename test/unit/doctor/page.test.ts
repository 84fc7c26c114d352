/**
 * docs/doctor.md - it tells of every finding that the checks can have, in their words, and what was tried is
 *
 * The words are read from the checks' sources. What is put together of pieces alone is left out.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { checks } from '../../../src/doctor/checks.js';
import { section } from '../../support/page.js';
import { ROOT } from '../../support/processes.js';

const ROOM = path.join(ROOT, 'src/doctor');
const TRIALS = ['test/integration/doctor.test.ts', 'test/integration/doctor-postfix.test.ts'];
/** So many characters are no accident. */
const SHARED = 14;

interface Row {
  readonly check: string;
  readonly says: string;
  readonly cure: string;
  readonly isTried: boolean;
}

/** The page's table; a row without a check is of the one above. */
function table(): Row[] {
  let check = '';
  return [
    ...section('docs/doctor.md', 'The findings').matchAll(
      /^\| (.*?) ?\| .*?\| (.*?) \| (.*) \| (yes )?\|$/gm,
    ),
  ].map(([, name = '', says = '', cure = '', tried]) => {
    if (name !== '') check = name.replaceAll('`', '');
    return { check, says, cure, isTried: tried !== undefined };
  });
}

/** Every text below a node that `isWanted`; `...` for what is put in. */
function texts(node: ts.Node, isWanted: (node: ts.Node) => readonly ts.Node[]): string[] {
  const found: string[] = [];
  const read = (part: ts.Node): void => {
    if (ts.isStringLiteralLike(part) || ts.isRegularExpressionLiteral(part)) found.push(part.text);
    else if (ts.isTemplateExpression(part))
      found.push(part.head.text + part.templateSpans.map(({ literal }) => `...${literal.text}`).join(''));
    else if (ts.isConditionalExpression(part)) [part.whenTrue, part.whenFalse].forEach(read);
  };
  const visit = (one: ts.Node): void => {
    isWanted(one).forEach(read);
    ts.forEachChild(one, visit);
  };
  visit(node);
  return found;
}

function parsed(file: string): ts.SourceFile {
  return ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true);
}

/** What a finding says: the second word of bad(), or what is called `what` before. */
function said(node: ts.Node): readonly ts.Node[] {
  if (ts.isCallExpression(node) && node.expression.getText() === 'bad') return node.arguments.slice(1, 2);
  const isNamed = ts.isVariableDeclaration(node) || ts.isPropertyAssignment(node);
  return isNamed && node.name.getText() === 'what' && node.initializer !== undefined
    ? [node.initializer]
    : [];
}

/** What a test compares with: its texts, and the regular expressions. */
function words(file: string): string[] {
  return texts(parsed(file), (node) =>
    ts.isStringLiteralLike(node) || ts.isRegularExpressionLiteral(node) ? [node] : [],
  );
}

const sources = readdirSync(ROOM).filter((name) => name.endsWith('.ts'));
const findings = sources.flatMap((name) => texts(parsed(path.join(ROOM, name)), said));
const told = table();

test('there are findings, and a table of them', () => {
  expect(findings.length).toBeGreaterThan(40);
  expect(told.length).toBeGreaterThan(40);
  expect([...new Set(told.map(({ check }) => check))].sort()).toEqual([...Object.keys(checks), 'any'].sort());
});

test.each(findings.filter((text) => /\w/.test(text.replaceAll('...', ''))))(
  'the page tells of: %s',
  (text) => {
    const words = text.replace(/(?:\.\.\.)+/g, '...');
    expect(told.some(({ says }) => says.includes(words) || covers(says, words))).toBe(true);
  },
);

/** Whether a row has the words with something in the place of what is put in. */
function covers(says: string, words: string): boolean {
  const pieces = words.split('...').filter((piece) => piece.trim() !== '');
  return pieces.every((piece) => says.includes(piece.trim()));
}

/** Whether both have the same words somewhere, so many characters long. */
function share(one: string, other: string): boolean {
  const starts = Array.from({ length: Math.max(0, one.length - SHARED + 1) }, (_, i) => i);
  return starts.some((start) => other.includes(one.slice(start, start + SHARED)));
}

test('every row has a cure, and the trials have the words of what is said to be tried', () => {
  expect(told.filter(({ cure }) => cure.trim() === '')).toEqual([]);
  const names = TRIALS.flatMap((file) => words(path.join(ROOT, file)));
  const tried = told.filter(({ isTried }) => isTried).map(({ says }) => says.replaceAll('`', ''));
  expect(tried.length).toBeGreaterThanOrEqual(10);
  expect(tried.filter((says) => !names.some((name) => share(name, says)))).toEqual([]);
  // It would find one that is not.
  expect(names.some((name) => share(name, 'something that nobody has tried'))).toBe(false);
});
