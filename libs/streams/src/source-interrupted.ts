/**
 * The bytes do not come from here any more, but may be had elsewhere: a worker is gone or has handed its fill over, a store
 * has failed midway. Who gets it goes on from where it was; it never leaves this package.
 */
export class SourceInterrupted extends Error {
  override readonly name = 'SourceInterrupted';
}
