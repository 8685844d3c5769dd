import { describe, expect, it } from 'vitest';
import {
  EventHandler,
  InvalidArgumentError,
  type RecordedEvent,
  UndecoratedEventError,
  UnknownEventTypeError,
} from '@allframe/nestjs';
import { callHandler } from '../../lib/store/call-handler.js';
import type { Type } from '../../lib/store/domain-event.decorator.js';
import { assertTypesKnown, eventHandlerMapOf } from '../../lib/store/event-handler-map.js';
import { AccountClosed, AccountOpened, MoneyDeposited } from './bank.js';

class Base {
  readonly calls: string[] = [];
  @EventHandler(AccountOpened) onOpened(_event: AccountOpened): void {
    this.calls.push('base opened');
  }
  @EventHandler(MoneyDeposited) onDeposited(_event: MoneyDeposited): void {
    this.calls.push('base deposited');
  }
}
class Overriding extends Base {
  override onOpened(): void {
    this.calls.push('overridden');
  }
  @EventHandler(MoneyDeposited) override onDeposited(): void {
    this.calls.push('marked again');
  }
  @EventHandler('account.closed') onClosed(): void {
    this.calls.push('closed');
  }
}
class Moved extends Base {
  @EventHandler(AccountClosed) override onDeposited(): void {
    this.calls.push('moved');
  }
}
const symbol = Symbol('on');
class Several {
  readonly calls: unknown[][] = [];
  @EventHandler(MoneyDeposited) async first(...args: [MoneyDeposited, ...unknown[]]): Promise<void> {
    await Promise.resolve();
    this.calls.push(['first', ...args]);
  }
  @EventHandler('money.deposited') [symbol](...args: unknown[]): void {
    this.calls.push(['second', ...args]);
  }
  @EventHandler(AccountOpened) @EventHandler(AccountClosed) both(): void {
    this.calls.push(['both']);
  }
}

const shown = (type: new () => object): Record<string, string[]> =>
  Object.fromEntries(
    [...eventHandlerMapOf(type).methods].map(([event, methods]) => [event, methods.map(String)]),
  );

describe('@EventHandler', () => {
  it('collects the methods of a class by event type, and the event classes', () => {
    expect(shown(Several)).toEqual({
      'money.deposited': ['first', 'Symbol(on)'],
      'account.closed': ['both'],
      'account.opened': ['both'],
    });
    expect(new Set(eventHandlerMapOf(Several).classes)).toEqual(
      new Set([MoneyDeposited, AccountOpened, AccountClosed]),
    );
    expect(shown(class Nothing {})).toEqual({});
  });

  it('is inherited; a method that is marked again counts once, and the subclass changes nothing of its base', () => {
    expect(shown(Base)).toEqual({ 'account.opened': ['onOpened'], 'money.deposited': ['onDeposited'] });
    expect(shown(Overriding)).toEqual({
      'account.opened': ['onOpened'],
      'money.deposited': ['onDeposited'],
      'account.closed': ['onClosed'],
    });
    expect(shown(Moved)).toEqual({ 'account.opened': ['onOpened'], 'account.closed': ['onDeposited'] });
  });

  it('calls the method of the instance, an overriding one included', async () => {
    const instance = new Overriding();
    const event = { data: {} } as RecordedEvent;
    for (const methods of eventHandlerMapOf(Overriding).methods.values())
      for (const method of methods) await callHandler(instance, method, event);
    expect(instance.calls).toEqual(['overridden', 'marked again', 'closed']);
  });

  it('calls several methods one after the other, with the data, the event and the context', async () => {
    const instance = new Several();
    const event = { data: { amount: 1 } } as RecordedEvent;
    for (const method of eventHandlerMapOf(Several).methods.get('money.deposited') ?? []) {
      await callHandler(instance, method, event, 'context');
    }
    expect(instance.calls).toEqual([
      ['first', event.data, event, 'context'],
      ['second', event.data, event, 'context'],
    ]);
  });

  it('refuses a class without @DomainEvent, naming class, method and event', () => {
    class Undecorated {}
    class Handles {
      @EventHandler(Undecorated) on(_event: Undecorated): void {}
    }
    expect(() => eventHandlerMapOf(Handles)).toThrow(UndecoratedEventError);
    expect(() => eventHandlerMapOf(Handles)).toThrow(/Handles\.on.*Undecorated/);
  });

  it('refuses an event that is not there, as a loop of imports leaves it, naming the method', () => {
    const decorate = (): unknown => {
      class Handles {
        @EventHandler(undefined as unknown as Type<object>) on(_event: object): void {}
      }
      return Handles;
    };
    expect(decorate).toThrow(InvalidArgumentError);
    expect(decorate).toThrow(/Handles\.on.*undefined/);
  });

  it('refuses a static method, which would never be called', () => {
    const decorate = (): unknown => {
      class Handles {
        readonly field = 1;
        @EventHandler(MoneyDeposited) static on(_event: MoneyDeposited): void {}
      }
      return Handles;
    };
    expect(decorate).toThrow(InvalidArgumentError);
    expect(decorate).toThrow(/Handles\.on.*static/);
  });

  it('a handler for a type that no class declares is named with the type', () => {
    class Misspelt {
      @EventHandler('acount.opened') on(): void {}
    }
    const check = (known: boolean): void =>
      assertTypesKnown(Misspelt, eventHandlerMapOf(Misspelt), () => known);
    expect(() => check(false)).toThrow(UnknownEventTypeError);
    expect(() => check(false)).toThrow(/Misspelt\.on.*"acount\.opened"/);
    expect(() => check(true)).not.toThrow();
  });
});
