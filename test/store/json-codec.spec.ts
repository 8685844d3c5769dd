import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { LimitExceededError, UnserialisableDataError } from '../../lib/core/errors/input.errors.js';
import { Limits } from '../../lib/core/limits.js';
import { decodeJson, encodeJson } from '../../lib/store/json-codec.js';

const encode = (value: unknown): string => encodeJson(value, 'data');

function refusal(value: unknown): { path: string; found: string } {
  try {
    encode(value);
  } catch (error) {
    expect(error).toBeInstanceOf(UnserialisableDataError);
    const { path, found } = error as UnserialisableDataError;
    return { path, found };
  }
  throw new Error('It was accepted');
}

class Money {
  constructor(
    readonly amount: number,
    readonly currency: string,
  ) {}
  get text(): string {
    return `${this.amount} ${this.currency}`;
  }
}
class Celsius {
  constructor(private readonly degrees: number) {}
  toJSON(): unknown {
    return { celsius: this.degrees };
  }
}

describe('accepted as JSON.stringify does it', () => {
  const date = new Date('2024-02-29T12:00:00.000Z');
  const shared = { a: 1 };
  const keyed: string[] = [];
  class Named {
    toJSON(key: string): string {
      keyed.push(key);
      return key;
    }
  }
  it.each<[string, unknown, unknown]>([
    ['-0', -0, 0],
    ['-0 inside', { a: [-0] }, { a: [0] }],
    ['undefined members', { a: undefined, b: 1 }, { b: 1 }],
    ['undefined in arrays', [1, undefined, 2], [1, null, 2]],
    // oxlint-disable-next-line no-sparse-arrays
    ['holes', [1, , 2], [1, null, 2]],
    ['an empty array with a length', Object.assign([], { length: 3 }), [null, null, null]],
    ['holes beside what needs a copy', [date, , 1], [date.toISOString(), null, 1]], // oxlint-disable-line no-sparse-arrays
    ['undefined members beside what needs a copy', { a: undefined, b: date }, { b: date.toISOString() }],
    ['a Date', date, '2024-02-29T12:00:00.000Z'],
    ['a Date inside', { a: [{ b: date }] }, { a: [{ b: '2024-02-29T12:00:00.000Z' }] }],
    ['toJSON', new Celsius(3), { celsius: 3 }],
    [
      'a toJSON that gives a Date, which is then no text yet',
      { toJSON: () => [date] },
      ['2024-02-29T12:00:00.000Z'],
    ],
    [
      'a toJSON within the result of a toJSON',
      { toJSON: () => ({ inner: new Celsius(1) }) },
      { inner: { celsius: 1 } },
    ],
    ['a toJSON that is data', { toJSON: 5 }, { toJSON: 5 }],
    ['a toJSON that gives undefined, as a member', { a: { toJSON: () => undefined }, b: 1 }, { b: 1 }],
    ['a toJSON that gives undefined, in an array', [{ toJSON: () => undefined }], [null]],
    ['an array with toJSON', Object.assign([1], { toJSON: () => 'list' }), 'list'],
    [
      'a Map with a toJSON of its own',
      Object.assign(new Map(), { toJSON: () => ({ size: 0 }) }),
      { size: 0 },
    ],
    ['a URL', new URL('https://example.org/a'), 'https://example.org/a'],
    ['boxed primitives', [new Number(1), new String('a'), new Boolean(false)], [1, 'a', false]],
    [
      'a class instance, by its own fields',
      { price: new Money(3, 'EUR') },
      { price: { amount: 3, currency: 'EUR' } },
    ],
    [
      'a member that is shared, not a cycle',
      [shared, { shared }, shared],
      [{ a: 1 }, { shared: { a: 1 } }, { a: 1 }],
    ],
    [
      'a shared member beside what needs a copy',
      [shared, date, shared],
      [{ a: 1 }, date.toISOString(), { a: 1 }],
    ],
    ['symbol keys, left out', { [Symbol('s')]: 1, a: 1 }, { a: 1 }],
    ['members of an array, left out', Object.assign([1], { note: 'x' }), [1]],
    [
      'inherited members, left out',
      Object.create({ inherited: 1, method: () => 1 }, { own: { value: 2, enumerable: true } }),
      { own: 2 },
    ],
    ['a null prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ['getters', { get a() { return 1; } }, { a: 1 }], // prettier-ignore
    ['null', null, null],
    [
      'U+0000 and lone surrogates',
      { '\0': '\0', '\ud800': '\udfff\ud800' },
      { '\0': '\0', '\ud800': '\udfff\ud800' },
    ],
    ['line separators', '\u2028\u2029', '\u2028\u2029'],
    [
      'the largest and smallest numbers',
      [Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 53],
      [Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 53],
    ],
  ])('%s', (_, value, back) => {
    const text = encode(value);
    expect(text).toBe(JSON.stringify(value));
    expect(decodeJson(text)).toStrictEqual(back);
  });

  it('calls toJSON with its key, as JSON.stringify does', () => {
    const value = { a: new Named(), list: [new Named(), [new Named()]] };
    expect(decodeJson(encode(value))).toEqual({ a: 'a', list: ['0', ['0']] });
    expect(encode(new Named())).toBe('""');
  });

  it('changes nothing of the value', () => {
    const value = { b: 1, a: [new Date(0), undefined], c: undefined };
    const before = structuredClone(value);
    encode(value);
    expect(value).toStrictEqual(before);
    expect(() => encode(Object.freeze({ a: Object.freeze([new Date(0)]) }))).not.toThrow();
  });

  it('keeps __proto__ as a member and no prototype is changed, with and without a copy', () => {
    for (const added of [undefined, new Date(0)]) {
      const value = JSON.parse(
        '{"__proto__":{"polluted":true},"a":{"__proto__":null},"constructor":{"prototype":1}}',
      ) as {
        d?: Date;
      };
      if (added !== undefined) value.d = added;
      const back = decodeJson(encode(value)) as Record<string, unknown>;
      expect(Object.keys(back).slice(0, 3)).toEqual(['__proto__', 'a', 'constructor']);
      expect(Object.getOwnPropertyDescriptor(back, '__proto__')?.value).toEqual({ polluted: true });
      expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
      expect(back['polluted']).toBeUndefined();
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    }
  });

  it('takes objects of another realm for what they are', () => {
    const foreign = runInNewContext('({ a: [1, { b: new Date(0) }], n: new Number(3) })') as unknown;
    expect(encode(foreign)).toBe('{"a":[1,{"b":"1970-01-01T00:00:00.000Z"}],"n":3}');
    for (const bad of [
      'new Map()',
      'new Set([1])',
      '/x/',
      'Promise.resolve()',
      'new Error("x")',
      'new ArrayBuffer(1)',
    ]) {
      expect(() => encode({ a: runInNewContext(bad) as unknown }), bad).toThrow(UnserialisableDataError);
    }
    expect(() => encode(runInNewContext('new Date(NaN)'))).toThrow(UnserialisableDataError);
  });
});

describe('refused with its path', () => {
  const cycle: Record<string, unknown> = { list: [{}] };
  (cycle['list'] as Record<string, unknown>[])[0]!['up'] = cycle;
  const self: unknown[] = [];
  self.push(1, self);
  const wide: Record<string, unknown> = {};
  Object.assign(wide, { a: wide, b: wide });

  it.each<[string, unknown, string, string]>([
    ['a function', { on: () => 1 }, 'data.on', 'a function'],
    ['a class', [Money], 'data[0]', 'a function'],
    ['a symbol', { a: { b: Symbol('s') } }, 'data.a.b', 'a symbol'],
    ['a BigInt', { price: 10n }, 'data.price', 'a BigInt'],
    ['NaN', [{ x: [1, NaN] }], 'data[0].x[1]', 'NaN'],
    ['Infinity', { 'a b': Infinity }, 'data["a b"]', 'Infinity'],
    ['-Infinity', { '': -Infinity }, 'data[""]', '-Infinity'],
    ['a boxed NaN', { n: new Number(NaN) }, 'data.n', 'NaN'],
    ['a boxed BigInt', { n: Object(1n) as unknown }, 'data.n', 'a BigInt'],
    ['a boxed symbol', { n: Object(Symbol('s')) as unknown }, 'data.n', 'a symbol'],
    ['a Map', { m: new Map([[1, 2]]) }, 'data.m', 'an instance of Map'],
    ['a Set', { m: new Set() }, 'data.m', 'an instance of Set'],
    ['a WeakMap', { m: new WeakMap() }, 'data.m', 'an instance of WeakMap'],
    ['a subclass of Map', { m: new (class Index extends Map {})() }, 'data.m', 'an instance of Index'],
    ['a Buffer, though it has toJSON', { b: Buffer.from('x') }, 'data.b', 'an instance of Buffer'],
    ['a typed array', { b: new Float64Array(2) }, 'data.b', 'an instance of Float64Array'],
    ['a DataView', { b: new DataView(new ArrayBuffer(1)) }, 'data.b', 'an instance of DataView'],
    ['an ArrayBuffer', { b: new ArrayBuffer(1) }, 'data.b', 'an instance of ArrayBuffer'],
    ['an invalid Date', { at: new Date(NaN) }, 'data.at', 'an invalid Date'],
    ['a promise', { p: Promise.resolve(1) }, 'data.p', 'an instance of Promise'],
    ['a RegExp', { p: /x/ }, 'data.p', 'an instance of RegExp'],
    ['an Error', { p: new TypeError('x') }, 'data.p', 'an instance of TypeError'],
    ['a cycle through an object and an array', cycle, 'data.list[0].up', 'a cycle: it contains itself'],
    ['an array that contains itself', self, 'data[1]', 'a cycle: it contains itself'],
    ['two cycles', wide, 'data.a', 'a cycle: it contains itself'],
    ['a cycle made by toJSON', toJsonCycle(), 'data.inner', 'a cycle: it contains itself'],
    ['what toJSON gives', { a: { toJSON: () => ({ b: [NaN] }) } }, 'data.a.b[0]', 'NaN'],
    ['a function from toJSON', { a: { toJSON: () => () => 1 } }, 'data.a', 'a function'],
    ['undefined at the top', undefined, 'data', 'undefined'],
    ['undefined from toJSON at the top', { toJSON: () => undefined }, 'data', 'undefined'],
    ['a function at the top', () => 1, 'data', 'a function'],
    ['a key that is no name', { 'a-b': { ünï: { $_1: [[NaN]] } } }, 'data["a-b"].ünï.$_1[0][0]', 'NaN'],
    [
      'a key __proto__',
      JSON.parse('{"__proto__":{"x":null}}', (k, v: unknown) => (k === 'x' ? NaN : v)),
      'data.__proto__.x',
      'NaN',
    ],
  ])('%s', (_, value, path, found) => {
    const refused = refusal(value);
    expect(refused.path).toBe(path);
    expect(refused.found).toBe(found);
  });

  function toJsonCycle(): object {
    const value = { toJSON: () => result };
    const result = { inner: value };
    return value;
  }

  it('the first of several faults is named', () => {
    expect(refusal({ a: 1, b: NaN, c: () => 1 }).path).toBe('data.b');
  });

  it('an error of a getter or a toJSON comes through as it is', () => {
    const fault = new Error('mine');
    const thrower = (): never => {
      throw fault;
    };
    expect(() => encode({ a: { toJSON: thrower } })).toThrow(fault);
    expect(() => encode(Object.defineProperty({}, 'a', { get: thrower, enumerable: true }))).toThrow(fault);
  });

  it('the message holds the path and the remedy, and never the value', () => {
    const error = (): string => encode({ secret: new Map([['password', 'hunter2']]) });
    expect(error).toThrow(/data\.secret is an instance of Map.*plain object/);
    expect(error).not.toThrow(/hunter2/);
  });
});

describe('depth', () => {
  const nested = (depth: number, inner: unknown = 1): unknown => {
    let value = inner;
    for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value };
    return value;
  };

  it('goes exactly to the limit, with and without a copy', () => {
    for (const inner of [1, new Date(0)]) {
      expect(encode(nested(Limits.dataDepthMax, inner))).toBe(
        JSON.stringify(nested(Limits.dataDepthMax, inner)),
      );
      expect(() => encode(nested(Limits.dataDepthMax + 1, inner))).toThrow(LimitExceededError);
    }
  });

  it('names the limit and where it was exceeded, and is no stack overflow', () => {
    const error = (): string => encode({ deep: nested(20_000), fine: 1 });
    expect(error).toThrow(expect.objectContaining({ limit: 'dataDepthMax', max: Limits.dataDepthMax }));
    expect(error).toThrow(/^data\.deep/);
  });

  it('a toJSON that goes down for ever ends at the limit', () => {
    const endless: object = { toJSON: () => ({ endless: { ...endless } }) };
    expect(() => encode(endless)).toThrow(LimitExceededError);
  });
});
