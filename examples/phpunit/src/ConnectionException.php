<?php

declare(strict_types=1);

namespace Desk;

/** The help desk cannot be reached, or the connection broke before its response arrived. */
final class ConnectionException extends \RuntimeException
{
}
