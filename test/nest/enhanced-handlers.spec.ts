/** Handlers inside of guards and pipes, where these have something of their own to mind. */
import { AllFrameModule, Command, CommandBus, CommandHandler } from '@allframe/nestjs';
import {
  type ArgumentMetadata,
  type CanActivate,
  Injectable,
  type PipeTransform,
  UseGuards,
  UsePipes,
} from '@nestjs/common';
import { expect, it } from 'vitest';
import { started, startFailure } from './running-app.js';

class Draw extends Command<string> {}
class Paint extends Command<string> {}

class Pass implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

it('a handler that extends another gives its pipes its own class of command', async () => {
  const seen: (string | undefined)[] = [];
  @Injectable()
  class Seeing implements PipeTransform {
    transform(value: unknown, { metatype, type }: ArgumentMetadata): unknown {
      if (type === 'body') seen.push(metatype?.name);
      return value;
    }
  }
  @UsePipes(Seeing)
  @CommandHandler(Draw)
  class Drawing {
    async execute(command: object): Promise<string> {
      return command.constructor.name;
    }
  }
  @CommandHandler(Paint)
  class Painting extends Drawing {}
  const app = await started({ imports: [AllFrameModule.forRoot()], providers: [Drawing, Painting] });
  const bus = app.get(CommandBus);
  expect([await bus.execute(new Draw()), await bus.execute(new Paint())]).toEqual(['Draw', 'Paint']);
  expect(seen).toHaveLength(2);
  expect(seen[1]).toBe('Paint');
});

it('a method without a name is refused at the start, since Nest guards none', async () => {
  const drawing = Symbol('drawing');
  @UseGuards(Pass)
  @Injectable()
  class Studio {
    @CommandHandler(Draw) async [drawing](): Promise<string> {
      return 'drawn';
    }
  }
  const failure = await startFailure({ imports: [AllFrameModule.forRoot()], providers: [Studio] });
  expect(failure).toMatchObject({ code: 'InvalidArgumentError', argument: 'Studio.Symbol(drawing)' });
});

it.each([
  ['an undefined class', undefined, /commands of decider light/],
  ['an undefined command', { command: undefined }, /commands of decider light/],
  ['attempts that are no number', { command: Draw, retry: { attempts: Number.NaN } }, /retry\.attempts/],
  ['a name that no id can be kept by', { command: Draw, name: 'a:b' }, /name/],
])('a decider with %s is refused at the start', async (_what, command, message) => {
  const decider = { initialState: () => 0, decide: () => [], evolve: (state: number) => state };
  const feature = { name: 'light', decider, commands: [command] } as never;
  const failure = await startFailure({
    imports: [AllFrameModule.forRoot(), AllFrameModule.forFeature([feature])],
  });
  expect(failure).toMatchObject({ code: 'InvalidArgumentError' });
  expect(failure.message).toMatch(message);
});
