/** The error numbers of errno.h. A system call that fails returns one of them, negated. */
import { constant } from './native.js';

/** Operation not permitted. */
export const EPERM = constant('EPERM');
/** No such file or directory. */
export const ENOENT = constant('ENOENT');
/** No such process. */
export const ESRCH = constant('ESRCH');
/** Interrupted system call. */
export const EINTR = constant('EINTR');
/** Input/output error. */
export const EIO = constant('EIO');
/** No such device or address. */
export const ENXIO = constant('ENXIO');
/** Argument list too long. */
export const E2BIG = constant('E2BIG');
/** Exec format error. */
export const ENOEXEC = constant('ENOEXEC');
/** Bad file descriptor. */
export const EBADF = constant('EBADF');
/** No child processes. */
export const ECHILD = constant('ECHILD');
/** Resource temporarily unavailable. */
export const EAGAIN = constant('EAGAIN');
/** Cannot allocate memory. */
export const ENOMEM = constant('ENOMEM');
/** Permission denied. */
export const EACCES = constant('EACCES');
/** Bad address. */
export const EFAULT = constant('EFAULT');
/** Block device required. */
export const ENOTBLK = constant('ENOTBLK');
/** Device or resource busy. */
export const EBUSY = constant('EBUSY');
/** File exists. */
export const EEXIST = constant('EEXIST');
/** Invalid cross-device link. */
export const EXDEV = constant('EXDEV');
/** No such device. */
export const ENODEV = constant('ENODEV');
/** Not a directory. */
export const ENOTDIR = constant('ENOTDIR');
/** Is a directory. */
export const EISDIR = constant('EISDIR');
/** Invalid argument. */
export const EINVAL = constant('EINVAL');
/** Too many open files in system. */
export const ENFILE = constant('ENFILE');
/** Too many open files. */
export const EMFILE = constant('EMFILE');
/** Inappropriate ioctl for device. */
export const ENOTTY = constant('ENOTTY');
/** Text file busy. */
export const ETXTBSY = constant('ETXTBSY');
/** File too large. */
export const EFBIG = constant('EFBIG');
/** No space left on device. */
export const ENOSPC = constant('ENOSPC');
/** Illegal seek. */
export const ESPIPE = constant('ESPIPE');
/** Read-only file system. */
export const EROFS = constant('EROFS');
/** Too many links. */
export const EMLINK = constant('EMLINK');
/** Broken pipe. */
export const EPIPE = constant('EPIPE');
/** Numerical argument out of domain. */
export const EDOM = constant('EDOM');
/** Numerical result out of range. */
export const ERANGE = constant('ERANGE');
/** Resource deadlock avoided. */
export const EDEADLK = constant('EDEADLK');
/** File name too long. */
export const ENAMETOOLONG = constant('ENAMETOOLONG');
/** No locks available. */
export const ENOLCK = constant('ENOLCK');
/** Function not implemented. */
export const ENOSYS = constant('ENOSYS');
/** Directory not empty. */
export const ENOTEMPTY = constant('ENOTEMPTY');
/** Too many levels of symbolic links. */
export const ELOOP = constant('ELOOP');
/** No message of desired type. */
export const ENOMSG = constant('ENOMSG');
/** Identifier removed. */
export const EIDRM = constant('EIDRM');
/** Channel number out of range. */
export const ECHRNG = constant('ECHRNG');
/** Level 2 not synchronized. */
export const EL2NSYNC = constant('EL2NSYNC');
/** Level 3 halted. */
export const EL3HLT = constant('EL3HLT');
/** Level 3 reset. */
export const EL3RST = constant('EL3RST');
/** Link number out of range. */
export const ELNRNG = constant('ELNRNG');
/** Protocol driver not attached. */
export const EUNATCH = constant('EUNATCH');
/** No CSI structure available. */
export const ENOCSI = constant('ENOCSI');
/** Level 2 halted. */
export const EL2HLT = constant('EL2HLT');
/** Invalid exchange. */
export const EBADE = constant('EBADE');
/** Invalid request descriptor. */
export const EBADR = constant('EBADR');
/** Exchange full. */
export const EXFULL = constant('EXFULL');
/** No anode. */
export const ENOANO = constant('ENOANO');
/** Invalid request code. */
export const EBADRQC = constant('EBADRQC');
/** Invalid slot. */
export const EBADSLT = constant('EBADSLT');
/** Bad font file format. */
export const EBFONT = constant('EBFONT');
/** Device not a stream. */
export const ENOSTR = constant('ENOSTR');
/** No data available. */
export const ENODATA = constant('ENODATA');
/** Timer expired. */
export const ETIME = constant('ETIME');
/** Out of streams resources. */
export const ENOSR = constant('ENOSR');
/** Machine is not on the network. */
export const ENONET = constant('ENONET');
/** Package not installed. */
export const ENOPKG = constant('ENOPKG');
/** Object is remote. */
export const EREMOTE = constant('EREMOTE');
/** Link has been severed. */
export const ENOLINK = constant('ENOLINK');
/** Advertise error. */
export const EADV = constant('EADV');
/** Srmount error. */
export const ESRMNT = constant('ESRMNT');
/** Communication error on send. */
export const ECOMM = constant('ECOMM');
/** Protocol error. */
export const EPROTO = constant('EPROTO');
/** Multihop attempted. */
export const EMULTIHOP = constant('EMULTIHOP');
/** RFS specific error. */
export const EDOTDOT = constant('EDOTDOT');
/** Bad message. */
export const EBADMSG = constant('EBADMSG');
/** Value too large for defined data type. */
export const EOVERFLOW = constant('EOVERFLOW');
/** Name not unique on network. */
export const ENOTUNIQ = constant('ENOTUNIQ');
/** File descriptor in bad state. */
export const EBADFD = constant('EBADFD');
/** Remote address changed. */
export const EREMCHG = constant('EREMCHG');
/** Can not access a needed shared library. */
export const ELIBACC = constant('ELIBACC');
/** Accessing a corrupted shared library. */
export const ELIBBAD = constant('ELIBBAD');
/** .lib section in a.out corrupted. */
export const ELIBSCN = constant('ELIBSCN');
/** Attempting to link in too many shared libraries. */
export const ELIBMAX = constant('ELIBMAX');
/** Cannot exec a shared library directly. */
export const ELIBEXEC = constant('ELIBEXEC');
/** Invalid or incomplete multibyte or wide character. */
export const EILSEQ = constant('EILSEQ');
/** Interrupted system call should be restarted. */
export const ERESTART = constant('ERESTART');
/** Streams pipe error. */
export const ESTRPIPE = constant('ESTRPIPE');
/** Too many users. */
export const EUSERS = constant('EUSERS');
/** Socket operation on non-socket. */
export const ENOTSOCK = constant('ENOTSOCK');
/** Destination address required. */
export const EDESTADDRREQ = constant('EDESTADDRREQ');
/** Message too long. */
export const EMSGSIZE = constant('EMSGSIZE');
/** Protocol wrong type for socket. */
export const EPROTOTYPE = constant('EPROTOTYPE');
/** Protocol not available. */
export const ENOPROTOOPT = constant('ENOPROTOOPT');
/** Protocol not supported. */
export const EPROTONOSUPPORT = constant('EPROTONOSUPPORT');
/** Socket type not supported. */
export const ESOCKTNOSUPPORT = constant('ESOCKTNOSUPPORT');
/** Operation not supported. */
export const ENOTSUP = constant('ENOTSUP');
/** Protocol family not supported. */
export const EPFNOSUPPORT = constant('EPFNOSUPPORT');
/** Address family not supported by protocol. */
export const EAFNOSUPPORT = constant('EAFNOSUPPORT');
/** Address already in use. */
export const EADDRINUSE = constant('EADDRINUSE');
/** Cannot assign requested address. */
export const EADDRNOTAVAIL = constant('EADDRNOTAVAIL');
/** Network is down. */
export const ENETDOWN = constant('ENETDOWN');
/** Network is unreachable. */
export const ENETUNREACH = constant('ENETUNREACH');
/** Network dropped connection on reset. */
export const ENETRESET = constant('ENETRESET');
/** Software caused connection abort. */
export const ECONNABORTED = constant('ECONNABORTED');
/** Connection reset by peer. */
export const ECONNRESET = constant('ECONNRESET');
/** No buffer space available. */
export const ENOBUFS = constant('ENOBUFS');
/** Transport endpoint is already connected. */
export const EISCONN = constant('EISCONN');
/** Transport endpoint is not connected. */
export const ENOTCONN = constant('ENOTCONN');
/** Cannot send after transport endpoint shutdown. */
export const ESHUTDOWN = constant('ESHUTDOWN');
/** Too many references: cannot splice. */
export const ETOOMANYREFS = constant('ETOOMANYREFS');
/** Connection timed out. */
export const ETIMEDOUT = constant('ETIMEDOUT');
/** Connection refused. */
export const ECONNREFUSED = constant('ECONNREFUSED');
/** Host is down. */
export const EHOSTDOWN = constant('EHOSTDOWN');
/** No route to host. */
export const EHOSTUNREACH = constant('EHOSTUNREACH');
/** Operation already in progress. */
export const EALREADY = constant('EALREADY');
/** Operation now in progress. */
export const EINPROGRESS = constant('EINPROGRESS');
/** Stale file handle. */
export const ESTALE = constant('ESTALE');
/** Structure needs cleaning. */
export const EUCLEAN = constant('EUCLEAN');
/** Not a XENIX named type file. */
export const ENOTNAM = constant('ENOTNAM');
/** No XENIX semaphores available. */
export const ENAVAIL = constant('ENAVAIL');
/** Is a named type file. */
export const EISNAM = constant('EISNAM');
/** Remote I/O error. */
export const EREMOTEIO = constant('EREMOTEIO');
/** Disk quota exceeded. */
export const EDQUOT = constant('EDQUOT');
/** No medium found. */
export const ENOMEDIUM = constant('ENOMEDIUM');
/** Wrong medium type. */
export const EMEDIUMTYPE = constant('EMEDIUMTYPE');
/** Operation canceled. */
export const ECANCELED = constant('ECANCELED');
/** Required key not available. */
export const ENOKEY = constant('ENOKEY');
/** Key has expired. */
export const EKEYEXPIRED = constant('EKEYEXPIRED');
/** Key has been revoked. */
export const EKEYREVOKED = constant('EKEYREVOKED');
/** Key was rejected by service. */
export const EKEYREJECTED = constant('EKEYREJECTED');
/** Owner died. */
export const EOWNERDEAD = constant('EOWNERDEAD');
/** State not recoverable. */
export const ENOTRECOVERABLE = constant('ENOTRECOVERABLE');
/** Operation not possible due to RF-kill. */
export const ERFKILL = constant('ERFKILL');
/** Resource temporarily unavailable. */
export const EWOULDBLOCK = constant('EWOULDBLOCK');
/** Operation not supported. */
export const EOPNOTSUPP = constant('EOPNOTSUPP');
