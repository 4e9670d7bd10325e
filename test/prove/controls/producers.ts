/**
 * Producers of which nothing is stored.
 */
import * as producers from '../../../src/queue/producers.js';

export * from '../../../src/queue/producers.js';

export class ProducerChanges extends producers.ProducerChanges {
  override entries(): ReturnType<producers.ProducerChanges['entries']> {
    return [];
  }
}
