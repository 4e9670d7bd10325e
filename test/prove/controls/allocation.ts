/**
 * Room that is never there again once it was not.
 */
import * as allocation from '../../../src/queue/allocation.js';

export * from '../../../src/queue/allocation.js';

export class Allocation extends allocation.Allocation {
  #failed: unknown;

  override async allocate(pages: number): Promise<void> {
    if (this.#failed !== undefined) throw this.#failed;
    try {
      await super.allocate(pages);
    } catch (error) {
      this.#failed = error;
      throw error;
    }
  }
}
