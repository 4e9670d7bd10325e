/**
 * A small file system of its own, in a file: ext4 with its journal. It can be filled to the last byte, and copied as it is.
 */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  copyFileSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

const MIB = 1024 * 1024;

export class SmallDisk {
  readonly #image: string;
  #filled = 0;

  private constructor(
    /** Where it is mounted. */
    readonly directory: string,
    image: string,
  ) {
    this.#image = image;
  }

  /** Makes and mounts one of so many MiB under `directory`. @throws an Error where one may not mount: that takes root */
  static make(directory: string, mib: number): SmallDisk {
    const image = join(directory, 'disk.img');
    const fd = openSync(image, 'w');
    ftruncateSync(fd, mib * MIB);
    closeSync(fd);
    execFileSync('mkfs.ext4', ['-q', '-m', '0', image]);
    return SmallDisk.#mount(image, join(directory, 'disk'));
  }

  static #mount(image: string, directory: string): SmallDisk {
    mkdirSync(directory);
    try {
      execFileSync('mount', ['-o', 'loop', image, directory], { stdio: 'pipe' });
    } catch (cause) {
      throw new Error('A file system cannot be mounted here: this proof is for root, and wants loop devices.', {
        cause,
      });
    }
    return new SmallDisk(directory, image);
  }

  /**
   * What a power cut now would leave, as the next start finds it: the bytes that have reached the device, not those in memory,
   * under `directory`, where the journal has been replayed. Nothing may write to this one meanwhile.
   */
  cut(directory: string): SmallDisk {
    const image = join(directory, 'cut.img');
    // The kernel may be writing out on its own: then what was copied is not of one moment.
    for (let before = -1; before !== this.#changedAt; ) {
      before = this.#changedAt;
      copyFileSync(this.#image, image, constants.COPYFILE_FICLONE);
    }
    return SmallDisk.#mount(image, join(directory, 'cut'));
  }

  get #changedAt(): number {
    return statSync(this.#image).mtimeMs;
  }

  /** Takes every byte that is left. */
  fill(): void {
    const fd = openSync(join(this.directory, `filler-${this.#filled++}`), 'w');
    try {
      for (let size = MIB; size >= 1; ) {
        try {
          writeSync(fd, Buffer.alloc(size));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          size = Math.floor(size / 2);
        }
      }
    } finally {
      closeSync(fd);
    }
  }

  /** Gives back what {@link fill} took. */
  free(): void {
    while (this.#filled > 0) rmSync(join(this.directory, `filler-${--this.#filled}`));
  }

  /** Takes it away, with all that is in it. */
  remove(): void {
    execFileSync('umount', [this.directory]);
    rmSync(this.directory, { recursive: true });
    rmSync(this.#image);
  }
}
