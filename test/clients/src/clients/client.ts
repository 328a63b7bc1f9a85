// What the tests ask of every client, whatever its own words for it are.

export interface Client {
  /** Pulls an image and returns the digests that the client then knows the reference by. */
  pull(reference: string): Promise<readonly string[]>;
  /** Removes the image with all its layers, so that the next pull finds nothing at hand. */
  remove(reference: string): Promise<void>;
  close(): Promise<void>;
}

export interface LoginClient extends Client {
  /** From now on pulls from `server`, a host and port, are that user's. Rejects with what the client says to the user. */
  login(server: string, user: string, password: string): Promise<void>;
}

export interface Engine extends LoginClient {
  /** Runs a command in a container of a pulled image and returns its stdout. */
  run(reference: string, command: readonly string[]): Promise<string>;
  /** Takes the images of an archive, under the names that are in it. */
  load(archive: string): Promise<void>;
}

export function digestsIn(output: string): string[] {
  return output.match(/sha256:[0-9a-f]{64}/g) ?? [];
}
