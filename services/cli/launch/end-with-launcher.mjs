// Ends the command line together with its launcher. It is loaded first where the launcher runs the command line as a
// child. A launcher that is killed forwards no signal, so the end of their channel acts as SIGTERM.
const end = () => process.kill(process.pid, 'SIGTERM');

// Worker threads load this file too and have no channel.
if ('connected' in process && !process.connected) end();
process.once('disconnect', end);
process.channel?.unref();
