import { Controller, Get, NotFoundException, Param } from '@nestjs/common';
import { AllFrameError, QueryBus } from '@allframe/nestjs';
import { CaseOf, type CaseView } from '../permits/case.query.js';

@Controller('cases')
export class CasesController {
  constructor(private readonly queries: QueryBus) {}

  @Get(':id')
  async show(@Param('id') id: string): Promise<CaseView> {
    try {
      return await this.queries.execute(new CaseOf(id));
    } catch (error) {
      // An id that no stream can have is the id of no case.
      const isUnknown =
        error instanceof AllFrameError && (error.kind === 'notFound' || error.kind === 'validation');
      throw isUnknown ? new NotFoundException('There is no such case') : error;
    }
  }
}
