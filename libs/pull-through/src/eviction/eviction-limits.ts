// How much the store may hold.

export interface EvictionLimits {
  /** Room is made when the store holds more than this … */
  readonly highBytes: number;
  /** … until it holds no more than this. From here on victims are chosen, so that their grace is over when they have to go. */
  readonly lowBytes: number;
}
