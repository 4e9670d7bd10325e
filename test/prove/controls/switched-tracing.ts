/**
 * Tracing that can be switched off: then a push goes the way that it goes where nobody traces.
 */
import { Tracing as Spans } from '../../../src/server/tracing.js';
import { atSwitch, watching } from './switch.js';

export class Tracing extends Spans {
  static override start(): Spans | undefined {
    const spans = Spans.start();
    if (spans !== undefined) atSwitch.add(() => spans.flush());
    return spans === undefined ? undefined : Object.setPrototypeOf(spans, Tracing.prototype);
  }

  override push(...words: Parameters<Spans['push']>): ReturnType<Spans['push']> {
    return watching.on ? super.push(...words) : (undefined as never);
  }
}
