// Finds the log messages of the sources: each call of a logger with its level, its text and the names of its fields. The type
// checker gives the fields, so spreads and results of functions are complete.
import { SyntaxKind as Kind } from 'typescript/unstable/ast';
import { API, SymbolFlags } from 'typescript/unstable/sync';

const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'];

/**
 * Reads the files of the project `configFile` for which `isRead(path)` holds. Returns `{ path, levels, message, fields }` by path and
 * place; a variable level gives several `levels`. Throws for a message that has no constant text.
 */
export function findMessages(configFile, isRead) {
  const api = new API();
  try {
    const [{ program, checker }] = api.updateSnapshot({ openProjects: [configFile] }).getProjects();
    const paths = program.getSourceFileNames().filter(isRead).toSorted();
    const calls = paths.flatMap((path) => callsIn(program.getSourceFile(path)).map((node) => ({ path, node })));
    return calls.flatMap((call) => messagesOf(call, calls, checker));
  } finally {
    api.close();
  }
}

function callsIn(source) {
  const calls = [];
  const visit = (node) => {
    if (node.kind === Kind.CallExpression) calls.push(node);
    node.forEachChild(visit);
  };
  visit(source);
  return calls;
}

function messagesOf({ path, node }, calls, checker) {
  const found = levelsOf(node.expression, checker);
  if (found.length === 0) return [];
  const message = node.arguments.at(-1);
  const fields = node.arguments.length > 1 ? namesOf(node.arguments[0], checker) : [];
  const texts = textsOf(message, checker);
  if (texts.length === 0) texts.push(...argumentsFor(message, calls, checker));
  if (texts.length === 0) throw new Error(`${path}: the log message "${message.getText()}" is no constant text.`);
  return texts.map((text) => ({ path, levels: found, message: text, fields }));
}

/** Levels of `log.warn`, `deps.log.warn`, `log?.warn` and `log[level]`. None for calls of other functions. */
function levelsOf(callee, checker) {
  const isOfLogger = callee.expression !== undefined && /(?:^|\.)log(?:ger)?$/.test(callee.expression.getText());
  if (!isOfLogger) return [];
  const isElement = callee.kind === Kind.ElementAccessExpression;
  const names = isElement ? constantsOf(callee.argumentExpression, checker) : [callee.name.text];
  return levels.filter((level) => names.includes(level));
}

function namesOf(node, checker) {
  const type = checker.getTypeAtLocation(node);
  const parts = type.getTypes?.() ?? [type];
  return [...new Set(parts.flatMap((part) => checker.getPropertiesOfType(part).map(({ name }) => name)))];
}

function textsOf(node, checker) {
  if (node.kind !== Kind.TemplateExpression) return constantsOf(node, checker);
  const spans = node.templateSpans.map(({ expression, literal }) => `<${expression.getText()}>${literal.text}`);
  return [node.head.text + spans.join('')];
}

/** Values of the string literals in the type of an expression: one constant, or the branches of a condition. */
function constantsOf(node, checker) {
  const type = checker.getTypeAtLocation(node);
  const values = (type.getTypes?.() ?? [type]).map(({ value }) => value);
  return values.every((value) => typeof value === 'string') ? values : [];
}

/** The constants that callers of the enclosing functions pass for a parameter. */
function argumentsFor(parameter, calls, checker) {
  for (let fn = parameter.parent; fn !== undefined; fn = fn.parent) {
    const at = fn.parameters?.findIndex(({ name }) => name.getText() === parameter.getText()) ?? -1;
    if (at < 0) continue;
    const called = symbolAt(fn.name ?? fn.parent.name, checker);
    const callers = calls.filter(({ node }) => symbolAt(node.expression, checker) === called);
    return [...new Set(callers.flatMap(({ node }) => textsOf(node.arguments[at], checker)))];
  }
  return [];
}

/** The symbol of a name, for an import that of its export. */
function symbolAt(node, checker) {
  const symbol = checker.getSymbolAtLocation(node);
  return symbol !== undefined && symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}
