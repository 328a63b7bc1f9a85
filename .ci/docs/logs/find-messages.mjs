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
    const found = paths.flatMap((path) => callsIn(program.getSourceFile(path)).map((node) => ({ path, node })));
    const symbols = checker.getSymbolAtLocation(found.map(({ node }) => node.expression));
    const originOf = memoize((symbol) => originIn(symbol, checker));
    const calls = found.map((call, i) => ({ ...call, called: originOf(symbols[i]) }));
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
  const texts = textsOf(node.arguments.at(-1), calls, checker);
  if (texts.length === 0) throw new Error(`${path}: the log message of "${node.getText()}" is no constant text.`);
  const fields = node.arguments.length > 1 ? namesOf(node.arguments[0], checker) : [];
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

/** The texts that an expression may have: constants, or those that callers pass. None if it is only known at run time. */
function textsOf(node, calls, checker) {
  if (node.kind === Kind.TemplateExpression)
    return node.templateSpans.reduce(
      (texts, { expression, literal }) => {
        const values = textsOf(expression, calls, checker);
        const shown = values.length > 0 ? values : [`<${expression.getText()}>`];
        return texts.flatMap((text) => shown.map((value) => text + value + literal.text));
      },
      [node.head.text],
    );
  const constants = constantsOf(node, checker);
  return constants.length > 0 ? constants : argumentsFor(node, calls, checker);
}

/** Values of the string literals in the type of an expression: one constant, or the branches of a condition. */
function constantsOf(node, checker) {
  const type = checker.getTypeAtLocation(node);
  const values = (type.getTypes?.() ?? [type]).map(({ value }) => value);
  return values.every((value) => typeof value === 'string') ? values : [];
}

/** The texts that callers of the enclosing functions pass for a parameter, or for a name in its pattern. */
function argumentsFor(parameter, calls, checker) {
  const name = parameter.getText();
  for (let fn = parameter.parent; fn !== undefined; fn = fn.parent) {
    const at = fn.parameters?.findIndex((one) => namesIn(one).includes(name)) ?? -1;
    if (at < 0) continue;
    const symbol = originIn(checker.getSymbolAtLocation(fn.name ?? fn.parent.name), checker);
    const given = calls
      .filter(({ called }) => called !== undefined && called === symbol)
      .map(({ node }) => node.arguments[at])
      .flatMap((one) => (fn.parameters[at].name.elements === undefined ? [one] : propertyOf(one, name)));
    return [...new Set(given.flatMap((one) => textsOf(one, calls, checker)))];
  }
  return [];
}

function namesIn({ name }) {
  return name.elements === undefined ? [name.getText()] : name.elements.map((element) => element.name.getText());
}

function propertyOf(object, name) {
  const found =
    object.properties?.filter((one) => one.kind === Kind.PropertyAssignment && one.name.getText() === name) ?? [];
  return found.map(({ initializer }) => initializer);
}

/** The symbol itself, or for that of an import the symbol of its export. */
function originIn(symbol, checker) {
  return symbol !== undefined && symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

function memoize(of) {
  const known = new Map();
  return (key) => {
    if (!known.has(key)) known.set(key, of(key));
    return known.get(key);
  };
}
