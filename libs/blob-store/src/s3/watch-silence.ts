// Detects whether a server that let a request time out responds at all. While it does not, it gets only a probe each
// second. A pull makes many requests and should not wait for the timeout of each.
import * as http from 'node:http';
import * as https from 'node:https';

export type Silence = ReturnType<typeof watchSilence>;

export interface WatchSilenceOptions {
  /** For example `http://127.0.0.1:9000`. */
  readonly endpoint: string;
  /** Called at each change. */
  readonly onChange: (isSilent: boolean) => void;
}

const probeEveryMs = 1000;
const answerWithinMs = 1000;

export function watchSilence({ endpoint, onChange }: WatchSilenceOptions) {
  const protocol = endpoint.startsWith('https:') ? https : http;
  let silent = false;
  let probing: http.ClientRequest | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function probe(): void {
    const sent = protocol.request(endpoint, { method: 'HEAD', agent: false });
    probing = sent;
    const deadline = setTimeout(() => end(true), answerWithinMs);
    // Any outcome counts, including a refused connection, after which requests fail fast anyway.
    sent.once('response', () => end(false));
    sent.on('error', () => end(false));
    sent.end();

    function end(isSilent: boolean): void {
      clearTimeout(deadline);
      if (probing !== sent) return;
      probing = undefined;
      sent.destroy();
      if (isClosed) return;
      if (isSilent) timer = setTimeout(probe, probeEveryMs).unref();
      if (silent === isSilent) return;
      silent = isSilent;
      onChange(isSilent);
    }
  }

  return {
    /**
     * Called after the server did not answer a request in time. The request itself may be at fault, so this sends a
     * simple one.
     */
    suspect(): void {
      if (!silent && probing === undefined && !isClosed) probe();
    },
    isSilent: (): boolean => silent,
    close(): void {
      isClosed = true;
      clearTimeout(timer);
      probing?.destroy();
    },
  };
}
