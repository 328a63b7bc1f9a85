// Creates errors in the form that Node gives to system errors.

export interface SystemErrorParts {
  readonly address?: string | undefined;
  readonly port?: number | undefined;
}

export function systemError(code: string, syscall: string, { address, port }: SystemErrorParts = {}): Error {
  const place = address === undefined ? '' : ` ${address}${port === undefined ? '' : `:${port}`}`;
  const error = new Error(`${syscall} ${code}${place}`);
  return Object.assign(error, {
    code,
    syscall,
    ...(address !== undefined && { address }),
    ...(port !== undefined && { port }),
  });
}
