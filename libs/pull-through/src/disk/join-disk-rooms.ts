// Several file systems that each get every byte: the spool's, and the store's where that is another one.
import type { DiskClaim, DiskRoom } from './disk-room.ts';

export function joinDiskRooms(rooms: readonly DiskRoom[]): DiskRoom {
  return {
    async admit(bytes, signal) {
      for (const room of rooms) await room.admit(bytes, signal);
    },
    open(writtenBytes): DiskClaim {
      const claims = rooms.map((room) => room.open(writtenBytes));
      return {
        async take(bytes, signal) {
          for (const claim of claims) await claim.take(bytes, signal);
        },
        close() {
          for (const claim of claims) claim.close();
        },
      };
    },
    get full() {
      return rooms.map(({ full }) => full).find((full) => full !== undefined);
    },
  };
}
