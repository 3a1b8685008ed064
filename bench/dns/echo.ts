// The least that a UDP server in this runtime can be: it sends back what it gets.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

// As much as our socket takes.
const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address))
socket.bind(0, '127.0.0.1')
await once(socket, 'listening')
process.on('disconnect', () => process.exit(0))
process.send?.({ port: socket.address().port })
