// Images that no pressure and no age removes: what operators have decided lies in the store, an object for each, so that it
// outlives index and nodes.
import { type BlobStore, type ImageName, parsePinKey, pinKey, pinsPrefix } from '@cistern/blob-store';
import { writeJsonObject } from './small-objects.ts';

/**
 * From now on nothing of the image is evicted: of a tag, nothing of what it names at the time. What is not here yet is not
 * fetched by this. Rejects with `store-unavailable`.
 */
export async function pinImage(store: BlobStore, image: ImageName): Promise<void> {
  await writeJsonObject(store, pinKey(image), { schema: 1 });
}

/** False if it was not pinned. Rejects with `store-unavailable`. */
export async function unpinImage(store: BlobStore, image: ImageName): Promise<boolean> {
  return store.removeObject(pinKey(image));
}

/** In no particular order. Rejects with `store-unavailable`. */
export async function listPins(store: BlobStore): Promise<ImageName[]> {
  const pins: ImageName[] = [];
  for await (const key of store.listObjects(pinsPrefix)) {
    const pin = parsePinKey(key);
    if (pin !== undefined) pins.push(pin);
  }
  return pins;
}
