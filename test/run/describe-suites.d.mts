export interface SuiteResult {
  readonly name: string;
  readonly seconds: number;
  readonly exitCode: number;
  readonly tests: number;
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly { readonly file: string; readonly name: string | undefined }[];
}

export function describeSuites(done: readonly SuiteResult[], notRun: readonly string[]): string;
