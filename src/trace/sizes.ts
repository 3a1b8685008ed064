/** Every IPv4 network carries packets of so many bytes (RFC 791: 576 are taken by everybody; 68 may pass uncut). */
export const leastSize = 68
export const largestSize = 65_535
