export interface Suite {
  readonly name: string;
  readonly group: string;
  readonly paths?: readonly string[];
  readonly without?: readonly string[];
}

export const suites: readonly Suite[];
