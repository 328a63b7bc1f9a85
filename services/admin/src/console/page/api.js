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
  return (await ask(path, { signal: AbortSignal.timeout(limitMs) })).json();
}

/**
 * @template T
 * @param {string} path
 * @param {object} wish
 * @returns {Promise<T>} rejects with an ApiError
 */
export async function post(path, wish) {
  return (await ask(path, { ...request(wish), signal: AbortSignal.timeout(3 * limitMs) })).json();
}

/**
 * For requests that take a while and report in lines of JSON: yields each line when it arrives.
 * @template Line
 * @param {string} path
 * @param {object} wish
 * @returns {AsyncGenerator<Line>} throws an ApiError
 */
export async function* postForLines(path, wish) {
  const { body } = await ask(path, request(wish));
  let rest = '';
  for await (const text of /** @type {AsyncIterable<string>} */ (body?.pipeThrough(new TextDecoderStream()) ?? [])) {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line);
  }
}

/** @param {object} wish */
function request(wish) {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(wish) };
}

/**
 * @param {string} path
 * @param {RequestInit} options
 */
async function ask(path, options) {
  const answer = await fetch(path, options).catch(() => {
    throw new ApiError('The cache is unreachable.', 0);
  });
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw new ApiError(told.message ?? `The cache answered with status ${answer.status}.`, answer.status);
}
