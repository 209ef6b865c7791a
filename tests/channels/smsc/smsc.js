// A message centre for tests, made of the npm package smpp: it does what the last digits of an address say.
//
//   node smsc.js PORT ['{"receipts": true, …}']     one JSON object a line on stdout: what it heard; commands on stdin.
//
// …91 is refused for good, …92 for now, …93 is never answered, …94 is throttled twice, …95 is not delivered,
// …96 is taken and the centre falls dead before it answers; anything else is taken.
const fs = require('fs');
const smpp = require('smpp');
const options = Object.assign({receipts: true, password: 'secret', ids: 'same', text_only: false}, JSON.parse(process.argv[3] || '{}'));
const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');
const sessions = new Set();
const throttled = new Map();
const states = new Map();
let number = options.first || 1000;

function receipt(session, pdu, id, delivered) {
  const shown = options.ids === 'decimal' ? String(parseInt(id, 16)) : id;
  const state = delivered ? 'DELIVRD' : 'UNDELIV';
  const told = {
    source_addr: pdu.destination_addr, source_addr_ton: pdu.dest_addr_ton, destination_addr: pdu.source_addr, esm_class: 4,
    short_message: `id:${shown} sub:001 dlvrd:001 submit date:2606101000 done date:2606101001 stat:${state} err:${delivered ? '000' : '027'} text:`,
  };
  if (!options.text_only) {
    Object.assign(told, {receipted_message_id: shown, message_state: delivered ? 2 : 5});
    if (pdu.user_message_reference !== undefined) told.user_message_reference = pdu.user_message_reference;
  }
  session.deliver_sm(told, (answer) => {
    if (answer.command_status) setTimeout(() => receipt(session, pdu, id, delivered), 50);
  });
}

function submitted(session, pdu) {
  const end = pdu.destination_addr.slice(-2);
  const refusal = {'91': smpp.ESME_RINVDSTADR, '92': smpp.ESME_RSYSERR}[end];
  const times = throttled.get(pdu.destination_addr) || 0;
  if (end === '94' && times < 2) {
    throttled.set(pdu.destination_addr, times + 1);
    return session.send(pdu.response({command_status: smpp.ESME_RTHROTTLED}));
  }
  if (refusal) return session.send(pdu.response({command_status: refusal}));
  const id = options.ids === 'decimal' ? (++number).toString(16) : `m${++number}`;
  states.set(id, end === '95' ? 5 : options.under_way ? 1 : 2);
  if (!options.quiet) {
    say({submit: {
      to: pdu.destination_addr, from: pdu.source_addr, text: pdu.short_message.message, coding: pdu.data_coding,
      part: pdu.short_message.udh ? [...pdu.short_message.udh[0]] : null, bytes: Buffer.byteLength(pdu.short_message.message),
      id, at: Number(process.hrtime.bigint() / 1000n) / 1e6, validity: String(pdu.validity_period),
    }});
  }
  if (end === '96') process.exit(9);
  const answer = () => session.send(pdu.response({message_id: id}));
  if (options.receipts && options.hasty) receipt(session, pdu, id, true);
  if (end !== '93') options.hasty ? setTimeout(answer, 200) : answer();
  if (options.late && end === '93') setTimeout(answer, 1000);
  if (options.receipts && !options.hasty && end !== '93') receipt(session, pdu, id, end !== '95');
  if (options.later && end === '93') setTimeout(() => receipt(session, pdu, id, true), 1000);
}

const secured = options.tls ? {key: fs.readFileSync(options.tls + '/key.pem'), cert: fs.readFileSync(options.tls + '/cert.pem')} : {};
const server = smpp.createServer(secured, (session) => {
  sessions.add(session);
  session.on('error', () => session.destroy());
  session.on('close', () => { sessions.delete(session); say({closed: true}); });
  session.on('bind_transceiver', (pdu) => {
    if (pdu.password !== options.password) {
      session.send(pdu.response({command_status: smpp.ESME_RINVPASWD}));
      return session.close();
    }
    say({bound: pdu.system_id});
    session.send(pdu.response({system_id: 'test'}));
  });
  session.on('submit_sm', (pdu) => submitted(session, pdu));
  session.on('query_sm', (pdu) => {
    say({asked: pdu.message_id});
    const state = states.get(pdu.message_id);
    session.send(pdu.response(state ? {message_id: pdu.message_id, message_state: state} : {command_status: smpp.ESME_RQUERYFAIL}));
  });
  session.on('enquire_link', (pdu) => {
    say({enquired: true});
    if (!options.deaf) session.send(pdu.response());
  });
  session.on('unbind', (pdu) => {
    session.send(pdu.response());
    session.close();
  });
});

// A long message from a phone goes in parts, in whatever order `order` says.
function fromPhone({from, to, text, order}) {
  const pieces = text.match(/[^]{1,67}/gu);
  const parts = pieces.length === 1 ? [text] : pieces.map((piece, at) => ({udh: Buffer.from([5, 0, 3, 7, pieces.length, at + 1]), message: piece}));
  for (const at of order || parts.keys()) {
    for (const session of sessions) {
      const told = {source_addr: from, source_addr_ton: 1, destination_addr: to, data_coding: 8, short_message: parts[at]};
      session.deliver_sm(told, (answer) => say({heard: answer.command_status}));
    }
  }
}

let rest = '';
process.stdin.on('data', (data) => {
  const lines = (rest + data).split('\n');
  rest = lines.pop();
  for (const line of lines) {
    const asked = JSON.parse(line);
    if (asked.phone) fromPhone(asked.phone);
    if (asked.receipt) for (const session of sessions) receipt(session, asked.receipt, asked.receipt.id, true);
    if (asked.hang_up) for (const session of sessions) session.destroy();
  }
});
process.stdin.on('end', () => process.exit(0));
server.listen(Number(process.argv[2]), '127.0.0.1', () => say({listening: server.address().port}));
