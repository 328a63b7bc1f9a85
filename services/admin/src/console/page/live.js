// Subscribes to `/v1/events`, on which the server sends events about once a second. The whole page shares one connection. A lost
// connection is opened again until the page closes.

const retryMs = 2000;
/** A connection without an event for this long counts as lost, even if the browser still reports it as open. */
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
    const onMessage = () => {
      clearTimeout(silence);
      silence = setTimeout(lost, silenceMs);
      onConnection('live');
    };
    silence = setTimeout(lost, silenceMs);
    for (const name of ['fills', 'overview', 'nodes', 'unavailable'])
      source.addEventListener(name, ({ data }) => {
        onMessage();
        onEvent(name, JSON.parse(data));
      });
    source.addEventListener('open', onMessage);
    source.addEventListener('error', lost);
  };
  open();
}
