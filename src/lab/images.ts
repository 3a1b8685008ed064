import { dirname, join } from 'node:path'
import { ImageStore } from '../image/store.ts'
import { chooseLab } from './choose.ts'
import { dropRoot, folderOf, sharedImages } from './folder.ts'

const own = 'images'

/** Where images lie: in the folder of a lab that runs, or where all labs of this user share them. */
export function imagesOf(lab: string | undefined): ImageStore {
  return new ImageStore(lab === undefined ? sharedImages() : join(folderOf(chooseLab(lab).name), own))
}

/** Where the nodes of a lab look for images, by the lab's folder: its own come before those that all labs share. */
export function imageFolders(folder: string): string[] {
  return [join(folder, own), sharedImages(dirname(folder))]
}

/** Changes a store, and leaves no empty folder where labs would be. */
export async function changeImages<T>(lab: string | undefined, change: (store: ImageStore) => Promise<T>): Promise<T> {
  const store = imagesOf(lab)
  try {
    return await change(store)
  } finally {
    dropRoot()
  }
}
