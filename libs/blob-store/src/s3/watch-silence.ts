// Checks, after a request has timed out, whether the S3 server responds at all. While it does not, only a probe is sent
// each second, and all other requests fail immediately. A pull makes many requests, and should not wait for the timeout
// of each.
import * as http from 'node:http';
import * as https from 'node:https';

export type Silence = ReturnType<typeof watchSilence>;

export interface WatchSilenceOptions {
  /** For example `http://127.0.0.1:9000`. */
  readonly endpoint: string;
  /** Called at each change: with true when the S3 server stops responding, and with false when it responds again. */
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
    // Any response or error within the time counts as a response. Even after a refused connection, requests fail fast
    // without our help.
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
     * Sends a probe. Called after a request has timed out, whose cause may be the request itself and not the S3 server.
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
