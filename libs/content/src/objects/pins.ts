// Pins images, so that they are evicted neither for space nor because of their age. Each pin is an object in the store, so it
// outlives index and nodes.
import { type BlobStore, type ImageName, parsePinKey, pinKey, pinsPrefix } from '@cistern/blob-store';
import { writeJsonObject } from './small-objects.ts';

/**
 * Pins the image. The pin of a tag always applies to the current digest of the tag. Missing parts of the image are not fetched.
 * Rejects with `store-unavailable`.
 */
export async function pinImage(store: BlobStore, image: ImageName): Promise<void> {
  await writeJsonObject(store, pinKey(image), { schema: 1 });
}

/** Removes the pin. Resolves to false if the image was not pinned. Rejects with `store-unavailable`. */
export async function unpinImage(store: BlobStore, image: ImageName): Promise<boolean> {
  return store.removeObject(pinKey(image));
}

/** Lists all pins in no particular order. Rejects with `store-unavailable`. */
export async function listPins(store: BlobStore): Promise<ImageName[]> {
  const pins: ImageName[] = [];
  for await (const key of store.listObjects(pinsPrefix)) {
    const pin = parsePinKey(key);
    if (pin !== undefined) pins.push(pin);
  }
  return pins;
}
