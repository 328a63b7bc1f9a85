// Connects the ACME client to its storage: permanent records, and notices between nodes, which expire.
import { join } from 'node:path';
import { acmeRecordKey } from '@cistern/blob-store';
import { type Config, indexDirectory } from '@cistern/config';
import { type AcmeBoard, type AcmeState, directoryState } from '@cistern/tls';
import type { OpenedIndexAndStore } from './open-index-and-store.ts';
import { createSeal, type Seal } from '@cistern/runtime';

export interface AcmeRecords {
  readonly state: AcmeState;
  readonly board: AcmeBoard;
}

/**
 * Returns the storage for the ACME client. A cluster keeps records in its store and notices in its index, encrypted
 * with its secret. A single node has no secret, and a bucket must not contain an unencrypted private key. So it keeps
 * the records in a directory of its own. `directory` is the configured directory.
 */
export function acmeRecords(
  config: Pick<Config, 'cluster' | 'storage'>,
  { index, store }: OpenedIndexAndStore,
  directory: string | undefined,
): AcmeRecords {
  const { cluster, storage } = config;
  const seal = cluster === undefined ? unsealed : createSeal(cluster.secret.reveal(), 'acme');
  const besideIndex = indexDirectory(storage);
  const ownDirectory = directory ?? (besideIndex && join(besideIndex, 'acme'));
  const state =
    cluster === undefined && ownDirectory !== undefined ? directoryState(ownDirectory) : storedState(store, seal);
  return { state, board: sharedBoard(index, seal) };
}

/** The seal of a single node, which does not encrypt. */
const unsealed: Seal = { close: (_name, text) => text, open: (_name, text) => text };

function storedState(store: OpenedIndexAndStore['store'], seal: Seal): AcmeState {
  return {
    async read(name) {
      const bytes = await store.readObject(acmeRecordKey(name));
      return bytes && seal.open(acmeRecordKey(name), Buffer.from(bytes).toString());
    },
    write: (name, text) => store.writeObject(acmeRecordKey(name), Buffer.from(seal.close(acmeRecordKey(name), text))),
  };
}

function sharedBoard({ values }: OpenedIndexAndStore['index'], seal: Seal): AcmeBoard {
  return {
    async read(name) {
      const sealed = await values.get(nameOf(name));
      return sealed && seal.open(nameOf(name), sealed);
    },
    write: (name, text, ttlMs) => values.put(nameOf(name), seal.close(nameOf(name), text), ttlMs),
    remove: (name) => values.remove(nameOf(name)),
  };
}

function nameOf(notice: string): string {
  return `acme ${notice}`;
}
