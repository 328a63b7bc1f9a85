// The functions of `node:fs` that read a file through its descriptor. Descriptors of the world are larger than those of the
// machine.
import { callbackify } from 'node:util';
import { fileError } from './file-system.ts';
import { divide, type Functions, isSimulated } from './divide.ts';
import { simulatedFiles } from './promised-files.ts';

type Handle = Awaited<ReturnType<typeof simulatedFiles.open>>;

const firstDescriptor = 2 ** 30;
const handles = new Map<number, Handle>();
let opened = 0;

function handleOf(operation: string, descriptor: number): Handle {
  const handle = handles.get(descriptor);
  if (handle === undefined) throw fileError('EBADF', operation, String(descriptor));
  return handle;
}

const simulatedDescriptors = {
  open: callbackify(async (path: string, flags: string) => {
    const handle = await simulatedFiles.open(path, flags);
    opened += 1;
    handles.set(firstDescriptor + opened, handle);
    return firstDescriptor + opened;
  }),
  fstat: callbackify(async (descriptor: number) => handleOf('fstat', descriptor).stat()),
  read: callbackify(async (descriptor: number, into: Uint8Array, offset: number, length: number, at: number) => {
    const { bytesRead } = await handleOf('read', descriptor).read(into, offset, length, at);
    return bytesRead;
  }),
  close: callbackify(async (descriptor: number) => {
    const handle = handleOf('close', descriptor);
    handles.delete(descriptor);
    await handle.close();
  }),
};

const isOurs = (first: unknown) => (typeof first === 'number' ? first > firstDescriptor : isSimulated(first));

/** `machine` holds the module's own functions, which still serve all other paths and descriptors. */
export const dividedDescriptors = (machine: Functions): Functions => divide(machine, simulatedDescriptors, isOurs);

/** Forgets the descriptors of the former world. */
export function resetDescriptors(): void {
  handles.clear();
  opened = 0;
}
