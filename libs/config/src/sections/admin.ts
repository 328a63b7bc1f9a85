import type { z } from 'zod';
import type { TcpAddress } from '../addresses.ts';
import { section, text } from '../values.ts';
import { readTcpAddress, type SectionContext } from './context.ts';

export const adminSection = section('The admin server: `cistern admin`.', {
  addr: text('Where it listens: `host:port` or `:port`.').prefault(':5003'),
});

export interface AdminConfig {
  readonly address: TcpAddress;
}

export function buildAdmin({ addr }: z.output<typeof adminSection>, context: SectionContext): AdminConfig {
  return { address: readTcpAddress(context, 'admin.addr', addr) };
}
