// What the server tells by itself, about once a second: `/v1/events`. One connection for the whole page, opened again for as
// long as the page is there.

const retryMs = 2000;
/** Without a word for so long a connection counts as lost, whatever the browser believes. */
const silenceMs = 20_000;

/** @typedef {'connecting' | 'live' | 'lost'} Connection */

/**
 * @param {{ readonly onEvent: (name: string, data: any) => void, readonly onConnection: (state: Connection) => void }} listener
 */
export function listenForEvents({ onEvent, onConnection }) {
  /** @type {ReturnType<typeof setTimeout>} */
  let silence;
  const open = () => {
    const source = new EventSource('/v1/events');
    const lost = () => {
      clearTimeout(silence);
      source.close();
      onConnection('lost');
      setTimeout(open, retryMs);
    };
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(lost, silenceMs);
      onConnection('live');
    };
    silence = setTimeout(lost, silenceMs);
    for (const name of ['fills', 'overview', 'nodes'])
      source.addEventListener(name, ({ data }) => {
        heard();
        onEvent(name, JSON.parse(data));
      });
    source.addEventListener('open', heard);
    source.addEventListener('error', lost);
  };
  open();
}
