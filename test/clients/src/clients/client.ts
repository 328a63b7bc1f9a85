// The operations that the tests need from every client, independent of its commands.

export interface Client {
  /** Pulls an image and returns the digests of the reference that the client then has. */
  pull(reference: string): Promise<readonly string[]>;
  /** Removes the image with all its layers, so that the next pull fetches everything. */
  remove(reference: string): Promise<void>;
  close(): Promise<void>;
}

export interface LoginClient extends Client {
  /** Logs in to `server`, a host and port, for later pulls. Rejects with the client's error message. */
  login(server: string, user: string, password: string): Promise<void>;
}

export interface Engine extends LoginClient {
  /** Runs a command in a container of a pulled image and returns its stdout. */
  run(reference: string, command: readonly string[]): Promise<string>;
  /** Loads the images of an archive, under the names in it. */
  load(archive: string): Promise<void>;
}

export function digestsIn(output: string): string[] {
  return output.match(/sha256:[0-9a-f]{64}/g) ?? [];
}
