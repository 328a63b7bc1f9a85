export { createConnectionControl } from './fetch/connection-control.ts';
export type { ConnectionControl, FillConnections } from './fetch/connection-control.ts';
export { startFill } from './fill/fill.ts';
export type { Fill } from './fill/fill.ts';
export { openTemporarySpool } from './fill/open-temporary-spool.ts';
export { openSpoolDirectory } from './fill/spool-directory.ts';
export type { SpoolDirectory, SpoolDirectoryOptions } from './fill/spool-directory.ts';
export { continueFill, handOverFills } from './follow/continue-fill.ts';
export { createFillAccess, createFillTable } from './follow/fill-access.ts';
export type { FillAccess, FillTable } from './follow/fill-access.ts';
export { createFollowFill, fillJobKey, fillTopic, leftFill } from './follow/follow-fill.ts';
export type { FollowFill, FollowedFill } from './follow/follow-fill.ts';
export { createAnswerFill } from './remote/answer-fill.ts';
export type { AnswerFill } from './remote/answer-fill.ts';
export {
  encodeFrame,
  fillAuthorization,
  frameTypes,
  heartbeatMs,
  maxFailureBytes,
  silenceMs,
} from './remote/fill-frames.ts';
export { connectMs, openRemoteFills } from './remote/open-remote-fills.ts';
export type { FillPlace, PeerTls, RemoteFills } from './remote/open-remote-fills.ts';
export { createFrameReader } from './remote/read-frames.ts';
export { createDiskRoom } from './room/disk-room.ts';
export type { DiskRoom, DiskRoomOptions } from './room/disk-room.ts';
export { joinDiskRooms } from './room/join-disk-rooms.ts';
export { limitStore } from './room/limit-store.ts';
export { minFreeBytes, noMinFree, reserveBytes } from './room/min-free.ts';
export type { MinFree } from './room/min-free.ts';
