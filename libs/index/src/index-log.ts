/** The part of a logger that the index needs: fields first, then a constant message. */
export interface IndexLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
