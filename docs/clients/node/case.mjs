// Opens a case of Milepost, tells it that a milestone was reached, and shows it: with Temporal's own SDK and plain JSON.
//
//   npm install
//   node case.mjs open 4711 acme '{"priority": "High"}'
//   node case.mjs signal 4711 "First response"
//   node case.mjs close 4711
//   node case.mjs show 4711
//
// TEMPORAL_ADDRESS is where `milepost dev` says that Temporal is. The messages are those of docs/reference/messages.md.
import { randomUUID } from 'node:crypto';
import { Client, Connection, WithStartWorkflowOperation, WorkflowUpdateFailedError } from '@temporalio/client';

const [request, caseId, ...given] = process.argv.slice(2);
const address = process.env.TEMPORAL_ADDRESS ?? '127.0.0.1:7233';
const connection = await Connection.connect({ address }).catch((error) => {
  console.error(`no Temporal at ${address}: ${error.message}`);
  process.exit(1);
});
const client = new Client({ connection, namespace: process.env.TEMPORAL_NAMESPACE ?? 'default' });
const workflow = client.workflow.getHandle(`case/${caseId}`);

// Every request has an id of its own: send it again under the same one until it is answered, and it is taken once.
const eventId = process.env.EVENT_ID ?? randomUUID();
const event = (fields) => ({ event_id: eventId, by: 'node', occurred_at: new Date().toISOString(), ...fields });

// Started and asked at once: the answer comes when the case is open, and opening it twice opens it once: the outcome of
// the second is `already`. The id of the update is new each time, for under one that it knows the server repeats itself.
const open = (account, fields = '{}') =>
  client.workflow.executeUpdateWithStart('open', {
    updateId: `open-${randomUUID()}`,
    startWorkflowOperation: new WithStartWorkflowOperation('CaseWorkflow', {
      workflowId: `case/${caseId}`,
      taskQueue: process.env.MILEPOST_TASK_QUEUE ?? 'milepost',
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
      args: [{ case_id: caseId, account, fields: JSON.parse(fields), by: 'node' }],
    }),
  });

const requests = {
  open,
  complete: (milestone) => workflow.executeUpdate('complete_milestone', { args: [event({ milestone })] }),
  signal: (milestone) => workflow.signal('milestone_completed', event({ milestone })),
  close: () => workflow.executeUpdate('close', { args: [event({})] }),
  show: () => workflow.query('timeline', new Date().toISOString()),
};

try {
  if (!(request in requests)) throw new Error(`say what is asked: ${Object.keys(requests).join(', ')}`);
  const answer = await requests[request](...given);
  if (answer !== undefined) console.log(JSON.stringify(answer, null, 2));
} catch (error) {
  const cause = error instanceof WorkflowUpdateFailedError ? error.cause : error;
  console.error(`${cause.type ?? cause.name}: ${cause.message}`);
  process.exitCode = 1;
} finally {
  await connection.close();
}
