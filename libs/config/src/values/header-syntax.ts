// Checks names and values of headers by the rules of Node's HTTP server.

// An `import` of `node:http` would also load undici, the HTTP client of `fetch`, which takes 5 MB in every process.
const { validateHeaderName, validateHeaderValue } = process.getBuiltinModule('node:http');

export function isHeader(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}
