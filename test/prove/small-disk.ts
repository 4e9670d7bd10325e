/**
 * A small file system of its own, in a file, that can be filled to the last byte.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
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
  static mount(directory: string, mib: number): SmallDisk {
    const disk = new SmallDisk(join(directory, 'disk'), join(directory, 'disk.img'));
    mkdirSync(disk.directory);
    const fd = openSync(disk.#image, 'w');
    ftruncateSync(fd, mib * MIB);
    closeSync(fd);
    execFileSync('mkfs.ext4', ['-q', '-m', '0', disk.#image]);
    try {
      execFileSync('mount', ['-o', 'loop', disk.#image, disk.directory], { stdio: 'pipe' });
    } catch (cause) {
      throw new Error('A file system cannot be mounted here: this proof is for root, and wants loop devices.', {
        cause,
      });
    }
    return disk;
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

  unmount(): void {
    execFileSync('umount', [this.directory]);
  }
}
