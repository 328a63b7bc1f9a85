// Several file systems that each get every byte: the spool's, and the store's where that is another one.
import type { DiskClaim, DiskRoom } from './disk-room.ts';

export function joinDiskRooms(rooms: readonly DiskRoom[]): DiskRoom {
  return {
    async admit(bytes) {
      for (const room of rooms) await room.admit(bytes);
    },
    open(writtenBytes): DiskClaim {
      const claims = rooms.map((room) => room.open(writtenBytes));
      return {
        async take(bytes, signal) {
          const releases: (() => void)[] = [];
          const release = () => {
            for (const giveBack of releases.splice(0)) giveBack();
          };
          try {
            for (const claim of claims) releases.push(await claim.take(bytes, signal));
          } catch (error) {
            release();
            throw error;
          }
          return release;
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
