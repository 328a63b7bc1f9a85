// The ear for what workers say: a connection that is opened anew whenever it has ended.
import { openHearingClient, type RedisClient } from './redis-clients.ts';
import type { RedisConnection } from '@cistern/redis';

const openAgainMs = 500;

export interface EarOptions {
  readonly connection: RedisConnection;
  /** Knows the nodes of a cluster. */
  readonly client: RedisClient;
  readonly channel: string;
  readonly onJob: (jobId: string) => void;
  /** Messages are heard from now on; those before may have been missed. */
  readonly onHearing: () => void;
  readonly onError: (error: unknown) => void;
}

export function hearEndedJobs(options: EarOptions): { close(): void } {
  const { connection, client, channel, onJob, onHearing, onError } = options;
  let ear: RedisClient;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function open(): void {
    ear = openHearingClient(connection, client);
    ear.on('error', onError);
    ear.on('message', (_channel: string, jobId: string) => onJob(jobId));
    ear.on('end', () => {
      if (!isClosed) timer = setTimeout(open, openAgainMs);
    });
    ear.subscribe(channel).then(onHearing, onError);
  }

  open();
  return {
    close() {
      isClosed = true;
      clearTimeout(timer);
      ear.disconnect();
    },
  };
}
