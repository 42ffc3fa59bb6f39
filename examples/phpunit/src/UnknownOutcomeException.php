<?php

declare(strict_types=1);

namespace Desk;

/** A timeout, a broken connection, an invalid response or a 5xx: the help desk may have executed the request. */
final class UnknownOutcomeException extends \RuntimeException
{
}
