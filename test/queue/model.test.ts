import t from 'tap';
import { checkModel } from './model.js';

t.test('1,000 random runs of operations agree with a plain array', { timeout: 240_000 }, async (t) => {
  await checkModel(1000);
  t.pass('no counterexample');
});
