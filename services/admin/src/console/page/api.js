// Calls the admin API on the server that the page came from. A rejected request is an error with the API's own message.

/** The time limit of a response. */
const limitMs = 20_000;

class ApiError extends Error {
  /**
   * @param {string} message a sentence for the operator
   * @param {number} status the HTTP status; 0 means that the server did not answer
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * @template T
 * @param {string} path
 * @returns {Promise<T>} rejects with an ApiError
 */
export async function get(path) {
  return (await send(path, { signal: AbortSignal.timeout(limitMs) })).json();
}

/**
 * @template T
 * @param {string} path
 * @param {object} fields
 * @returns {Promise<T>} rejects with an ApiError
 */
export async function post(path, fields) {
  return (await send(path, { ...request(fields), signal: AbortSignal.timeout(3 * limitMs) })).json();
}

/**
 * For requests that take a while and report in lines of JSON: yields each line when it arrives.
 * @template Line
 * @param {string} path
 * @param {object} fields
 * @returns {AsyncGenerator<Line>} throws an ApiError
 */
export async function* postForLines(path, fields) {
  const { body } = await send(path, request(fields));
  let rest = '';
  for await (const text of /** @type {AsyncIterable<string>} */ (body?.pipeThrough(new TextDecoderStream()) ?? [])) {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line);
  }
}

/** @param {object} fields */
function request(fields) {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(fields) };
}

/**
 * @param {string} path
 * @param {RequestInit} options
 */
async function send(path, options) {
  const answer = await fetch(path, options).catch(() => {
    throw new ApiError('The cache is unreachable.', 0);
  });
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  throw new ApiError(body.message ?? `The cache answered with status ${answer.status}.`, answer.status);
}
