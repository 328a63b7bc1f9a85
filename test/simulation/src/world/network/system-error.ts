// Errors as Node makes them of what the system says.

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
