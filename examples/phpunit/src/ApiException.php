<?php

declare(strict_types=1);

namespace Desk;

/** The help desk rejected the request. The message is its error message, and the code is the HTTP status. */
final class ApiException extends \RuntimeException
{
}
