// Loaded before the command line where the launcher runs it as a child. A launcher that is killed passes no signal on, so the
// end of their channel ends the command line as SIGTERM does.
const end = () => process.kill(process.pid, 'SIGTERM');

// Worker threads load this file too and have no channel.
if ('connected' in process && !process.connected) end();
process.once('disconnect', end);
process.channel?.unref();
