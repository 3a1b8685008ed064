import { dirname, join } from 'node:path'
import { ImageStore } from '../image/store.ts'
import { chooseLab } from './choose.ts'
import { dropRoot, folderOf, stateRoot } from './folder.ts'

const own = 'images'
const shared = '.images'

/** Where images lie: in the folder of a lab that runs, or where all labs of this user share them. No lab can be called so. */
export function imagesOf(lab: string | undefined): ImageStore {
  return new ImageStore(lab === undefined ? join(stateRoot(), shared) : join(folderOf(chooseLab(lab).name), own))
}

/** Where the nodes of a lab look for images, by the lab's folder: its own come before those that all labs share. */
export function imageFolders(folder: string): string[] {
  return [join(folder, own), join(dirname(folder), shared)]
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
